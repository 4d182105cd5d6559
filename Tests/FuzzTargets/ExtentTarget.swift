// The map of extents against an array with an owner for every byte.

import SidecarStore

/// Input: operations of 6 bytes: kind, start, length, file, offset.
enum ExtentTarget {
    private static let size = 4096

    private struct Owner: Equatable {
        var file: Int64 = 0
        var offset: Int64 = 0
    }

    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        var input = FuzzInput(bytes)
        var map = ExtentMap()
        var model = [Owner](repeating: Owner(), count: size)
        while !input.isAtEnd {
            let kind = input.byte()
            let start = Int(input.number(UInt16.self)) % (size - 256)
            let length = Int(input.byte())
            let file = 1 + Int64(input.byte() % 3)
            let offset = Int64(input.byte()) * 16
            if kind & 1 == 0 {
                map.insert(Extent(start: Int64(start), length: Int64(length), file: file, offset: offset))
                for i in 0..<length { model[start + i] = Owner(file: file, offset: offset + Int64(i)) }
            } else {
                map.remove(Int64(start)..<Int64(start + length))
                for i in 0..<length { model[start + i] = Owner() }
            }
        }
        var got = [Owner](repeating: Owner(), count: size)
        var last: Int64 = 0
        var problem: String?
        map.visit { extent in
            if extent.start < last { problem = "extents overlap at \(extent.start)" }
            last = extent.end
            for i in 0..<Int(extent.length) {
                got[Int(extent.start) + i] = Owner(file: extent.file, offset: extent.offset + Int64(i))
            }
        }
        if let problem { return problem }
        if got != model {
            return "another owner of byte \(zip(got, model).enumerated().first { $1.0 != $1.1 }?.offset ?? 0)"
        }
        guard map.end == last else { return "the end is \(map.end), not \(last)" }
        let written = map.bytesByFile().values.reduce(0, +)
        return written == Int64(model.count { $0.file != 0 }) ? nil : "\(written) bytes in all files"
    }
}
