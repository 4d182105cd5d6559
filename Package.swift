// swift-tools-version: 6.2
import PackageDescription

// The arrows point down: each target names only layers below it.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]
// The commit for `evh5 --version`, which the Makefile gives. Context.gitInformation would go on giving an old one, as
// SwiftPM keeps what a manifest said until its text or its environment changes.
let commit: [CSetting] = Context.environment["EVH5_COMMIT"].map { [.define("EVH5_COMMIT", to: "\"\($0)\"")] } ?? []
let log = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "evh5",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .executableTarget(
            name: "evh5",
            dependencies: [
                "Commands"
            ],
            swiftSettings: strict),
        .target(
            name: "Commands",
            dependencies: [
                "FUSEAdapter", "HTTPAdapter", "Viewer", "VirtualTree", "UserPreprocessings", "SidecarStore",
                "FrameStore",
                "Generation",
                "EventFiles", "Datasets", "Preview", "TensorFile", "Tensors", "Recordings", "Files", "CBuild", log,
                "Yams",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .target(
            name: "Viewer",
            dependencies: [
                "VirtualTree", "Preview", "Datasets", "TensorFile", "Tensors", "Recordings", "Files", "CPage", "CLinux",
            ],
            exclude: ["Page"], swiftSettings: strict),
        .target(name: "FUSEAdapter", dependencies: ["VirtualTree", "Files", "CFUSE", log], swiftSettings: strict),
        .target(
            name: "HTTPAdapter",
            dependencies: [
                "VirtualTree", "Files", log,
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(
            name: "VirtualTree",
            dependencies: [
                "SidecarStore", "FrameStore", "EventFiles", "Datasets", "TensorFile", "Tensors", "Recordings", "Files",
                "CXXHash", log,
            ],
            swiftSettings: strict),
        .target(
            name: "Generation",
            dependencies: [
                "EventFiles", "Datasets", "TensorFile", "Tensors", "Recordings", "Files", "CBlosc", "CISAL",
                "CLibdeflate", "CLZ4", "CLZF", "CZstd",
            ],
            swiftSettings: strict),
        .target(
            name: "Datasets", dependencies: ["TensorFile", "Tensors", "Recordings", "Files"], swiftSettings: strict),
        .target(
            name: "EventFiles", dependencies: ["Datasets", "TensorFile", "Tensors", "Recordings"],
            swiftSettings: strict),
        .target(name: "Preview", dependencies: ["CCairo", "CLibdeflate"], swiftSettings: strict),
        .target(name: "FrameStore", dependencies: ["Files", "CLZ4", "CXXHash"], swiftSettings: strict),
        .target(name: "SidecarStore", dependencies: ["Files", "TensorFile", "CXXHash"], swiftSettings: strict),
        .target(
            name: "TensorFile", dependencies: ["CHDF5", "CBlosc", "CLZ4", "CLZF", "CZstd"], swiftSettings: strict),
        .target(
            name: "UserPreprocessings", dependencies: ["Tensors", "Recordings", "CPreprocessing", "CXXHash", log],
            resources: [.embedInCode("worker.py")], swiftSettings: strict),
        .target(name: "Tensors", dependencies: ["Recordings"], swiftSettings: strict),
        .target(name: "Recordings", dependencies: ["Files", "CKernels", "CXXHash"], swiftSettings: strict),
        .target(name: "Files", dependencies: ["CZlib", "CLinux"], swiftSettings: strict),
        .target(name: "CLinux"),
        .target(name: "CPage"),
        .target(name: "CBuild", cSettings: commit),

        // A file of it includes itself, by name, for each target. Of Highway (libhwy-dev) it needs the headers only.
        .target(
            name: "CKernels", cSettings: [.headerSearchPath(".")],
            cxxSettings: [.headerSearchPath(".")]),
        .target(name: "CPreprocessing"),
        .target(name: "CFUSE", dependencies: ["FUSESystem"]),
        .target(name: "CHDF5", dependencies: ["HDF5System"]),
        .systemLibrary(name: "FUSESystem", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
        .systemLibrary(name: "HDF5System", pkgConfig: "hdf5-serial", providers: [.apt(["libhdf5-dev"])]),
        .systemLibrary(name: "CBlosc", pkgConfig: "blosc", providers: [.apt(["libblosc-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .target(name: "CISAL", dependencies: ["ISALSystem"]),
        .systemLibrary(name: "ISALSystem", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(name: "CLibdeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CLZF", pkgConfig: "liblzf", providers: [.apt(["liblzf-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CCairo", pkgConfig: "cairo", providers: [.apt(["libcairo2-dev"])]),

        .target(
            name: "FuzzTargets",
            dependencies: [
                "Commands", "HTTPAdapter", "UserPreprocessings", "SidecarStore", "FrameStore", "Datasets", "Tensors",
                "Recordings", "Files", "RandomFixture", "CXXHash", .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/FuzzTargets", swiftSettings: strict),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "RandomFixture"], swiftSettings: strict),
        .target(name: "RandomFixture", path: "Tests/RandomFixture", swiftSettings: strict),
        .target(name: "ChildFixture", dependencies: ["CFUSE"], path: "Tests/ChildFixture", swiftSettings: strict),
        .target(name: "SanitizerFixture", path: "Tests/SanitizerFixture", swiftSettings: strict),
        .testTarget(name: "FilesTests", dependencies: ["Files", "CLinux"], swiftSettings: strict),
        .testTarget(
            name: "RecordingsTests",
            dependencies: ["Recordings", "Files", "ChildFixture", "RandomFixture", "SanitizerFixture", "CZlib"],
            swiftSettings: strict),
        .testTarget(
            name: "TensorsTests", dependencies: ["Tensors", "Recordings", "ChildFixture", "RandomFixture"],
            swiftSettings: strict),
        .testTarget(
            name: "UserPreprocessingsTests", dependencies: ["UserPreprocessings", "Tensors", "Recordings", log],
            swiftSettings: strict),
        .testTarget(
            name: "TensorFileTests",
            dependencies: [
                "TensorFile", "ChildFixture", "ContentsFixture", "RandomFixture", "contents-check", "CBlosc", "CLZ4",
                "CLZF", "CZstd",
            ],
            swiftSettings: strict),
        .target(
            name: "ContentsFixture", dependencies: ["TensorFile", "RandomFixture"], path: "Tests/ContentsFixture",
            swiftSettings: strict),
        .executableTarget(
            name: "contents-check", dependencies: ["ContentsFixture", "SanitizerFixture", "TensorFile"],
            path: "Tests/ContentsCheckTool",
            swiftSettings: strict),
        .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "Tensors"], swiftSettings: strict),
        .testTarget(
            name: "GenerationTests",
            dependencies: [
                "Generation", "EventFiles", "TensorFile", "Tensors", "Recordings", "Files", "CBlosc", "CLZ4", "CLZF",
                "CZlib", "CZstd",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EventFilesTests", dependencies: ["EventFiles", "Tensors", "Recordings", "Files", "RandomFixture"],
            swiftSettings: strict),
        .testTarget(
            name: "PreviewTests", dependencies: ["Preview", "PictureFixture"], swiftSettings: strict),
        .target(
            name: "PictureFixture", dependencies: ["CCairo"], path: "Tests/PictureFixture", swiftSettings: strict),
        .testTarget(
            name: "FrameStoreTests", dependencies: ["FrameStore", "SanitizerFixture"], swiftSettings: strict),
        .testTarget(
            name: "SidecarStoreTests",
            dependencies: [
                "SidecarStore", "SidecarFixture", "sidecar-fixture", "ChildFixture", "TensorFile", "Files", "CXXHash",
            ],
            exclude: ["Fixtures"], swiftSettings: strict),
        .target(
            name: "SidecarFixture", dependencies: ["SidecarStore", "TensorFile", "Files"], path: "Tests/SidecarFixture",
            swiftSettings: strict),
        .executableTarget(
            name: "sidecar-fixture", dependencies: ["SidecarFixture", "SidecarStore"], path: "Tests/SidecarFixtureTool",
            swiftSettings: strict),
        .testTarget(
            name: "VirtualTreeTests",
            dependencies: [
                "VirtualTree", "SidecarStore", "SidecarFixture", "TensorFile", "Tensors", "Recordings", "Files",
                "RandomFixture",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ViewerTests",
            dependencies: [
                "Viewer", "VirtualTree", "SidecarStore", "TensorFile", "Preview", "Tensors", "Recordings",
                "RandomFixture",
                "PictureFixture", log,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "FUSEAdapterTests",
            dependencies: ["FUSEAdapter", "FUSEFixture", "fuse-fixture", "ChildFixture", "VirtualTree", log],
            swiftSettings: strict),
        .testTarget(
            name: "HTTPAdapterTests",
            dependencies: [
                "HTTPAdapter", "VirtualTree", log, .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(
            name: "FUSEFixture", dependencies: ["FUSEAdapter", "VirtualTree"], path: "Tests/FUSEFixture",
            swiftSettings: strict),
        .executableTarget(
            name: "fuse-fixture", dependencies: ["FUSEFixture", "FUSEAdapter", log], path: "Tests/FUSEFixtureTool",
            swiftSettings: strict),
        .testTarget(
            name: "CommandsTests",
            dependencies: [
                "Commands", "ChildFixture", "HTTPAdapter", "VirtualTree", "SidecarStore", "TensorFile", "Tensors", log,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "evh5-bench", dependencies: ["Tensors", "Recordings"], path: "Tests/Benchmarks/evh5-bench",
            swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)

// What only `make fuzz` builds, as it needs libFuzzer: see docs/DEVELOPING.md.
if Context.environment["EVH5_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "evh5-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz",
            exclude: ["Seeds", "make-seeds", "run"], swiftSettings: strict))
}
