// Whether an existing file has events, and what it says of them.

import CHDF5

/// The events of any HDF5 file that has them as one of evh5's layouts; opened and closed again.
public struct StoredEvents: Sendable {
    /// Of the root and of the dataset, those that are text, numbers or booleans.
    public let attributes: [(name: String, value: StoredValue)]

    /// - Parameter dataset: one that only this layout has: `events/t`.
    /// - Throws: `.libraryFailed` when it is no HDF5 file or cannot be opened, `.invalidFile` when it has no such
    ///   dataset.
    public init(path: String, _ dataset: String) throws(TensorFileError) {
        attributes = try HDF5.serially { () throws(TensorFileError) in
            let file = try HDF5Identifier(
                H5Fopen(path, CHDF5_readOnly(), CHDF5_default()), H5Fclose, "open '\(path)'")
            var path = ""
            for name in dataset.split(separator: "/") {
                path += path.isEmpty ? name : "/" + name
                guard H5Lexists(file.id, path, CHDF5_default()) > 0 else {
                    throw TensorFileError(.invalidFile, "it has no dataset /\(dataset)")
                }
            }
            let events = try HDF5Identifier(
                H5Dopen2(file.id, dataset, CHDF5_default()), H5Dclose, "open /\(dataset)")
            return try AttributeReader.all(of: file.id) + AttributeReader.all(of: events.id)
        }
    }
}
