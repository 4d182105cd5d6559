// What users added as an ordinary HDF5 file.

import CHDF5
import Glibc

enum ContentsExport {
    /// Copies additions from the open file `source` into a new file at `path`.
    static func run(
        from source: hid_t, _ expected: FileExpectation, toNewFile path: String
    ) throws(TensorFileError) -> CarryOverReport {
        let creation = try HDF5Identifier(H5Pcreate(CHDF5_fileCreateClass()), H5Pclose, "make a file's properties")
        try HDF5.check(
            H5Pset_link_creation_order(creation.id, CHDF5_creationOrder()), "set a file's properties")
        let access = try HDF5Identifier(H5Pcreate(CHDF5_fileAccessClass()), H5Pclose, "make a file's properties")
        try HDF5.check(H5Pset_fclose_degree(access.id, H5F_CLOSE_STRONG), "set a file's properties")
        let file = try HDF5.check(H5Fcreate(path, CHDF5_newFile(), creation.id, access.id), "create '\(path)'")
        do throws(TensorFileError) {
            for dataset in expected.datasets { try makePlaceholder(of: dataset, in: file) }
            let report = try ContentsCopy.run(from: source, to: file, own: expected.ownPaths)
            try HDF5.check(H5Fflush(file, H5F_SCOPE_GLOBAL), "write '\(path)'")
            try HDF5.check(H5Fclose(file), "close '\(path)'")
            return report
        } catch {
            if H5Iis_valid(file) > 0 { _ = H5Fclose(file) }
            unlink(path)
            throw error
        }
    }

    /// A dataset that has a type and attributes, but no elements.
    private static func makePlaceholder(of dataset: ComputedDataset, in file: hid_t) throws(TensorFileError) {
        let space = try HDF5Identifier(H5Screate(H5S_NULL), H5Sclose, "make a dataspace")
        let links = try HDF5Identifier(H5Pcreate(CHDF5_linkCreateClass()), H5Pclose, "make a link's properties")
        try HDF5.check(H5Pset_create_intermediate_group(links.id, 1), "set a link's properties")
        let type = try dataset.type.make()
        _ = try HDF5Identifier(
            H5Dcreate2(file, dataset.path, type.id, space.id, links.id, CHDF5_default(), CHDF5_default()), H5Dclose,
            "create dataset '/\(dataset.path)'")
    }
}
