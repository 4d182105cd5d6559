// What an existing file of events says of itself.

import CHDF5

/// The events of any HDF5 file that has them as evh5's layouts do, of a mount or of a disk; opened and closed again.
public struct StoredEvents: Sendable {
    /// Of the root and of the events, those that are text, numbers or booleans.
    public let attributes: [(name: String, value: StoredValue)]
    /// Bytes of the index of times, unpacked.
    public let indexBytes: Int64
    /// Whether the events are packed by Prophesee's codec.
    public let isECF: Bool

    /// - Parameters:
    ///   - events: a dataset that only this layout has: `events/t`.
    ///   - index: its index of times: `ms_to_idx`.
    /// - Throws: `.libraryFailed` when it is no HDF5 file or cannot be opened, `.invalidFile` when it has no such
    ///   datasets.
    public init(path: String, events: String, index: String) throws(TensorFileError) {
        (attributes, indexBytes, isECF) = try HDF5.serially { () throws(TensorFileError) in
            let file = try HDF5Identifier(
                H5Fopen(path, CHDF5_readOnly(), CHDF5_default()), H5Fclose, "open '\(path)'")
            let events = try Self.open(events, in: file.id)
            let index = try Self.open(index, in: file.id)
            let type = try HDF5Identifier(H5Dget_type(index.id), H5Tclose, "look at an index's datatype")
            let space = try HDF5Identifier(H5Dget_space(index.id), H5Sclose, "look at an index's dataspace")
            let properties = try HDF5Identifier(
                H5Dget_create_plist(events.id), H5Pclose, "look at the storage of the events")
            var (flags, values, configuration): (UInt32, Int, UInt32) = (0, 0, 0)
            let isECF =
                H5Pget_filter_by_id2(
                    properties.id, ChunkFilter.ecf.number, &flags, &values, nil, 0, nil, &configuration) >= 0
            let count = Int64(max(0, H5Sget_simple_extent_npoints(space.id)))
            let (bytes, overflow) = count.multipliedReportingOverflow(by: Int64(H5Tget_size(type.id)))
            return (
                try AttributeReader.all(of: file.id) + AttributeReader.all(of: events.id), overflow ? .max : bytes,
                isECF
            )
        }
    }

    private static func open(_ dataset: String, in file: hid_t) throws(TensorFileError) -> HDF5Identifier {
        // Each name on the way is looked for, as libhdf5 fails where a group is not there.
        var path = ""
        for name in dataset.split(separator: "/") {
            path += path.isEmpty ? name : "/" + name
            guard H5Lexists(file, path, CHDF5_default()) > 0 else {
                throw TensorFileError(.invalidFile, "it has no dataset /\(dataset)")
            }
        }
        return try HDF5Identifier(H5Dopen2(file, dataset, CHDF5_default()), H5Dclose, "open /\(dataset)")
    }
}
