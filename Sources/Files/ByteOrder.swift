// Bytes compared where they lie, such as the names of a folder.

import Foundation

extension UnsafeRawBufferPointer {
    /// Below 0, 0 or above: in the order of their bytes.
    package func order(_ other: UnsafeRawBufferPointer) -> Int {
        let common = Swift.min(count, other.count)
        if common > 0, let left = baseAddress, let right = other.baseAddress {
            let order = memcmp(left, right, common)
            if order != 0 { return Int(order) }
        }
        return count - other.count
    }
}
