// A preprocessing that is a user's own code, called in worker processes.

import Foundation
import Recordings
import Tensors

/// Frames of a user's function: the window's events are decoded into memory that a worker shares, and its tensor is
/// copied out.
struct UserPreprocessing: Preprocessing {
    let channels: Int
    let type: ElementType
    let fractions: Bool
    let version: String?
    /// The parameters' values as the workers take them.
    let parameters: [UInt8]
    let pool: WorkerPool

    let runsElsewhere = true

    func elementType(shift: Int) -> ElementType { type }
    func valuesAreFractions(shift: Int) -> Bool { fractions }

    /// The tensor in the memory that a worker shares, and its first events.
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { channels * grid.cells * type.size + (1 << 20) }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws {
        let cells = channels * grid.cells
        try pool.withWorker { worker in
            let memory = worker.memory
            try memory.prepare(tensorBytes: cells * type.size)
            var events = try EventWriter(into: memory, window, grid)
            try window.forEach(&events)
            if let failure = events.failure { throw failure }
            var message = WorkerMessage(kind: .frame, payload: parameters)
            message.memorySize = memory.size
            message.tensorOffset = memory.tensorOffset
            message.eventsOffset = memory.eventsOffset
            message.eventCount = events.count
            message.channels = channels
            message.height = grid.height
            message.width = grid.width
            message.shift = grid.shift
            message.duration = window.duration
            worker.beginFrame()
            do throws(WorkerFailure) { _ = try worker.ask(message) } catch {
                try checkGuards(worker, orElse: error)
                throw error
            }
            try checkGuards(worker, orElse: nil)
            try store(memory.tensor, storedAsUInt8, into: frame)
            memory.relax()
        }
    }

    /// - Throws: `.lost` when something was written around the tensor: what else that code wrote over, nobody knows.
    private func checkGuards(_ worker: Worker, orElse error: WorkerFailure?) throws(WorkerFailure) {
        guard error?.code != .lost, !worker.memory.guardsAreWhole() else { return }
        worker.end()
        throw WorkerFailure(.lost, "it wrote outside of its tensor; its process was ended", trace: error?.trace ?? [])
    }

    private func store(
        _ tensor: UnsafeRawBufferPointer, _ storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(WorkerFailure) {
        guard storedAsUInt8 else {
            guard tensor.count == frame.count else { throw WorkerFailure(.kept, "the frame has another size") }
            frame.copyMemory(from: tensor)
            return
        }
        let values = tensor.bindMemory(to: Float.self)
        guard values.count == frame.count else { throw WorkerFailure(.kept, "the frame has another size") }
        for i in 0..<values.count {
            // The worker may still write there: one load, and no conversion that could trap whatever it is.
            let value = values[i]
            guard value >= 0, value <= 1, let byte = UInt8(exactly: (255 * value).rounded(.toNearestOrEven)) else {
                throw WorkerFailure(
                    .kept, "it is registered with fractions, but a value is \(value), which is not in 0...1")
            }
            frame[i] = byte
        }
    }
}
