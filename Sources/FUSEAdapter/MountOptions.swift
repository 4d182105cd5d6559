// What can be chosen about a mount, and how it is said to libfuse.

/// How to mount.
public struct MountOptions: Sendable {
    /// Absolute path of the mount point.
    public var mountPoint: String
    /// What /proc/mounts shows as the source.
    public var source: String
    /// Users other than the mounting one may look in.
    public var allowOther = false
    /// The kernel refuses writes itself, with EROFS.
    public var readOnly = false
    /// Requests served at the same time, at least 1. Many, as first looks at large recordings may take seconds each,
    /// and others shall not wait for them.
    public var maxThreads = 64
    /// Reads go through the kernel's page cache instead of direct I/O.
    public var pageCache = false
    /// More `-o` options, each as `name` or `name=value`, in libfuse's words; `nonempty` is understood here.
    public var extra: [String] = []
    /// libfuse logs every request, at debug level.
    public var debug = false

    public init(mountPoint: String, source: String) {
        self.mountPoint = mountPoint
        self.source = source
    }

    /// The filesystem type that /proc/mounts shows.
    public static let fileSystemType = "fuse.evh5"

    /// The number of an open /dev/fuse whose mount somebody else made, as Apptainer and CSI drivers do, when the mount
    /// point is `/dev/fd/N`; libfuse takes it so.
    public var passedDescriptor: Int32? {
        let prefix = "/dev/fd/"
        let digits = mountPoint.dropFirst(prefix.count)
        guard mountPoint.hasPrefix(prefix), !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }) else {
            return nil
        }
        return Int32(digits)
    }

    var allowsNonEmpty: Bool { extra.contains("nonempty") }

    /// The argument vector of libfuse, the program's name first.
    var arguments: [String] {
        var options = ["fsname=\(Self.escaped(source))", "subtype=evh5", "default_permissions"]
        if allowOther { options.append("allow_other") }
        if readOnly { options.append("ro") }
        if debug { options.append("debug") }
        options += extra.filter { $0 != "nonempty" && !options.contains($0) }.map(Self.escaped)
        return ["evh5", "-o", options.joined(separator: ",")]
    }

    /// libfuse splits options at commas and takes a backslash as an escape.
    static func escaped(_ option: String) -> String {
        option.replacing("\\", with: "\\\\").replacing(",", with: "\\,")
    }
}
