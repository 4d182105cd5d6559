// One tensor's part of a sheet: its frames in colours, and what their colours mean.

import Dispatch
import Synchronization

/// The frames of one tensor, drawn.
public struct SheetBlock: Sendable {
    let tensor: SheetTensor
    let cells: [PixelImage]
    let scales: [ColorScale]
    /// Whether negative values have a colour of their own.
    let isSigned: Bool
    /// Values of each side that became one pixel.
    let factor: Int

    /// Reads and draws all frames, on all processors.
    ///
    /// - Throws: `PreviewError.notApplicable`; what `tensor.frame` throws.
    public init(_ tensor: SheetTensor, _ style: SheetStyle) throws {
        try tensor.coloring.check(channels: tensor.channels)
        let painter = CellPainter(tensor, style)
        let results = Mutex([Planes?](repeating: nil, count: tensor.labels.count))
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: tensor.labels.count) { index in
            guard failure.withLock({ $0 == nil }) else { return }
            do {
                let planes = painter.planes(try tensor.frame(index))
                results.withLock { $0[index] = planes }
            } catch { failure.withLock { $0 = $0 ?? error } }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
        let planes = results.withLock { $0.compactMap(\.self) }
        let scales = painter.scales(planes, sigmas: style.sigmas)
        let isSigned = painter.hasNegatives(planes)
        self.tensor = tensor
        self.scales = scales
        self.isSigned = isSigned
        cells = planes.map { painter.image($0, scales, signed: isSigned) }
        factor = planes.first?.reduction.factor ?? 1
    }

    /// The values of full colour: one, or one for each tile.
    public var limits: [Float] { scales.map(\.limit) }
    /// The pixels of each frame.
    public var images: [PixelImage] { cells }
}
