// What a tensor file holds: `/data`, and when its frames were where that is no plain period.

/// Everything a tensor file's layout follows from: equal descriptions give equal bytes.
public struct TensorFileDescription: Sendable {
    /// N, 0 or more.
    public var frameCount: Int
    /// (C, H, W), each 1 or more.
    public var frameShape: [Int]
    public var elementType: ElementKind
    /// Attributes of `/data`, in the order in which they are created.
    public var dataAttributes: [(name: String, value: AttributeValue)]
    /// Attributes of the root group, in the order in which they are created.
    public var rootAttributes: [(name: String, value: AttributeValue)]
    /// Whether there is a dataset `/last_timestamps`, (N,) int64.
    public var hasLastTimestamps: Bool
    /// Whether there are datasets `/starts` and `/ends`, (N,) int64.
    public var hasFrameTimes: Bool
    /// Frames that are computed at a time, 1 or more.
    public var blockLength: Int

    public init(
        frameCount: Int, frameShape: [Int], elementType: ElementKind,
        dataAttributes: [(name: String, value: AttributeValue)] = [],
        rootAttributes: [(name: String, value: AttributeValue)] = [],
        hasLastTimestamps: Bool = false, hasFrameTimes: Bool = false, blockLength: Int = 1
    ) {
        self.frameCount = frameCount
        self.frameShape = frameShape
        self.elementType = elementType
        self.dataAttributes = dataAttributes
        self.rootAttributes = rootAttributes
        self.hasLastTimestamps = hasLastTimestamps
        self.hasFrameTimes = hasFrameTimes
        self.blockLength = blockLength
    }

    /// The names of the datasets of times, (N,) int64 each, that follow the tensor.
    public var timeDatasets: [String] {
        (hasLastTimestamps ? ["last_timestamps"] : []) + (hasFrameTimes ? ["starts", "ends"] : [])
    }

    /// The file: dataset 0 is the tensor, in blocks of `blockLength` frames; those of times follow.
    public func file() throws(TensorFileError) -> FileDescription {
        let frameBytes = try checkedFrameBytes()
        var datasets = [
            DatasetDescription(
                "data", .number(elementType), shape: [frameCount] + frameShape,
                blockBytes: frameBytes.multipliedReportingOverflow(by: max(1, blockLength)).partialValue,
                attributes: dataAttributes)
        ]
        for name in timeDatasets {
            datasets.append(
                DatasetDescription(
                    name, .number(.int64), shape: [frameCount], blockBytes: TensorFileDescription.timestampsBlock))
        }
        return FileDescription(datasets: datasets, rootAttributes: rootAttributes)
    }

    /// Bytes of a dataset of times that are computed at a time.
    public static let timestampsBlock = 1 << 20

    /// Bytes of one frame; throws when a dimension is below 1, or the whole tensor with its times does not
    /// fit a file.
    func checkedFrameBytes() throws(TensorFileError) -> Int {
        // HDF5 knows at most 32 dimensions, one of them is the frame's index.
        guard frameCount >= 0, (1...31).contains(frameShape.count), frameShape.allSatisfy({ $0 >= 1 }) else {
            throw TensorFileError(
                .invalidDescription,
                "a tensor of \(frameCount) frames of shape \(frameShape) cannot be stored: "
                    + "the number of frames must be 0 or more and every dimension of a frame 1 or more")
        }
        var bytes = elementType.size
        var overflow = false
        for dimension in frameShape {
            let product = bytes.multipliedReportingOverflow(by: dimension)
            bytes = product.partialValue
            overflow = overflow || product.overflow
        }
        let perFrame = bytes.addingReportingOverflow(8 * timeDatasets.count)
        let all = perFrame.partialValue.multipliedReportingOverflow(by: frameCount)
        // Head and tail stay far below 2^40 bytes: leave them that room.
        let room = Int.max - (1 << 40)
        guard !overflow, !perFrame.overflow, !all.overflow, all.partialValue <= room, bytes <= room else {
            throw TensorFileError(
                .tooLarge,
                "a tensor of \(frameCount) frames of shape \(frameShape) is larger than a file can be: "
                    + "use a longer period or smaller frames")
        }
        return bytes
    }
}
