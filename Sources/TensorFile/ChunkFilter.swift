// How the chunks of a stored dataset are packed, as HDF5 names it: what readers look up to unpack them.

import CHDF5

/// A filter of HDF5, by its registered number. Chunks come packed already; libhdf5 only writes down which filter it
/// was.
public struct ChunkFilter: Hashable, Codable, Sendable {
    /// https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md; 1 is HDF5's own deflate.
    public let number: Int32
    /// As the filter calls itself.
    public let name: String
    /// What the filter is told when it unpacks.
    public let values: [UInt32]

    public init(number: Int32, name: String, values: [UInt32]) {
        self.number = number
        self.name = name
        self.values = values
    }

    /// - Parameter values: what its filter is told.
    public init(_ format: ChunkFormat, values: [UInt32]) {
        self.init(number: format.rawValue, name: format.name, values: values)
    }

    /// HDF5's own filter, which every reader has.
    public static func deflate(level: Int) -> ChunkFilter {
        ChunkFilter(number: 1, name: "deflate", values: [UInt32(clamping: level)])
    }

    /// HDF5's own filter: the bytes of elements of `elementBytes` go side by side, by their weight.
    public static func shuffle(elementBytes: Int) -> ChunkFilter {
        ChunkFilter(number: 2, name: "shuffle", values: [UInt32(clamping: elementBytes)])
    }

    /// Prophesee's packing of events, which is told nothing. https://github.com/prophesee-ai/hdf5_ecf, where the name
    /// is from too.
    public static let ecf = ChunkFilter(
        number: 0x8ECF, name: "HDF ECF filter; see http://www.hdfgroup.org/services/contributions.html", values: [])

    /// Registered before anybody asks for it: libhdf5 would look for a plugin then, and load it.
    private static let isECFRegistered: Bool = CHDF5_registerFilter(ecf.number, ecf.name, nil) >= 0

    /// Sets the filter for a dataset that is to be created. Optional, as h5py sets it: single chunks may go without.
    func set(_ properties: hid_t) throws(TensorFileError) {
        if number == ChunkFilter.ecf.number { _ = ChunkFilter.isECFRegistered }
        ChunkFormat.register()
        // libhdf5 refuses to write down a filter that it does not know.
        if H5Zfilter_avail(number) <= 0 {
            try HDF5.check(CHDF5_registerFilter(number, name, nil), "register the filter '\(name)'")
        }
        try HDF5.check(
            H5Pset_filter(properties, number, UInt32(H5Z_FLAG_OPTIONAL), values.count, values),
            "set the filter '\(name)'")
    }
}
