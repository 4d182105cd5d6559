// Errors of the layers below as answers.

import Glibc
import Preview
import Tensors
import VirtualTree

extension ViewerError {
    init(_ error: any Error) {
        switch error {
        case let error as ViewerError: self = error
        case let error as FileSystemError: self.init(Self.code(error), error.message, cause: error)
        case let error as TensorError: self.init(.badQuery, error.message, cause: error)
        case let error as PreviewError:
            let code: Code =
                switch error.code {
                case .tooLarge: .tooLarge
                case .notApplicable: .badQuery
                case .libraryFailed: .failed
                }
            self.init(code, error.message, cause: error)
        default: self.init(.failed, "\(error)", cause: error)
        }
    }

    private static func code(_ error: FileSystemError) -> Code {
        switch error.errno {
        case ENOENT, ENOTDIR, ELOOP: .notFound
        case EINVAL, EISDIR: .badQuery
        case ESTALE: .changed
        case EFBIG: .tooLarge
        case ENOMEM, EMFILE, ENFILE, EBUSY: .busy
        default: .failed
        }
    }
}
