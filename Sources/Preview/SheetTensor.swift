// What a sheet shows of one tensor.

/// Frames of one tensor and what is written beside them.
public struct SheetTensor: Sendable {
    /// A file's name.
    public var title: String
    /// Lines below it.
    public var details: [String]
    /// (C, H, W).
    public var channels: Int
    public var height: Int
    public var width: Int
    public var coloring: Coloring
    /// How long a frame is, as people read it; nil when frames differ.
    public var duration: String?
    /// What is written below each frame, left and right.
    public var labels: [(time: String, number: String)]
    /// Computes or reads the frame with the index in `labels`: (C, H, W), row-major. Called by many threads, each index
    /// once.
    public var frame: @Sendable (Int) throws -> [Float]

    public init(
        title: String, details: [String], channels: Int, height: Int, width: Int, coloring: Coloring, duration: String?,
        labels: [(time: String, number: String)], frame: @escaping @Sendable (Int) throws -> [Float]
    ) {
        self.title = title
        self.details = details
        self.channels = channels
        self.height = height
        self.width = width
        self.coloring = coloring
        self.duration = duration
        self.labels = labels
        self.frame = frame
    }
}

/// How sheets look.
public struct SheetStyle: Sendable {
    public var palette: Palette
    /// Pixels that a cell is wide at most.
    public var cellWidth: Int
    /// Cells in a row at most.
    public var columns: Int
    /// See `ColorScale`.
    public var sigmas: Double

    public init(palette: Palette = .dark, cellWidth: Int = 320, columns: Int = 4, sigmas: Double = 3) {
        self.palette = palette
        self.cellWidth = cellWidth
        self.columns = columns
        self.sigmas = sigmas
    }
}
