// The names of error numbers, as log lines and figures have them.

import CLinux

/// The name of an errno, as `ENOENT`; its number where it has none.
public func errorName(_ number: Int32) -> String {
    evh5_error_name(number).map { String(cString: $0) } ?? "\(number)"
}
