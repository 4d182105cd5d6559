// The workers of one preprocessing: started when they are needed, kept, and replaced when they are lost.

import Dispatch
import Foundation
import Logging
import Synchronization
import Tensors

/// Long-lived workers that all have the same code loaded. Each frame has one for itself; who finds all at work waits.
final class WorkerPool: Sendable {
    private struct State {
        /// The one used last comes last: its memory is laid out and in the processor's caches.
        var idle: [Worker] = []
        var busy: [Worker] = []
        var isStopped = false
        /// How many were started so far.
        var started = 0
    }

    let name: String
    private let launch: WorkerLaunch
    /// What a new worker is told to load.
    private let load: WorkerMessage
    private let logger: Logger
    private let free: DispatchSemaphore
    private let state = Mutex(State())

    /// At most `limit` workers, the first being `worker`, if there is one.
    init(
        _ name: String, _ launch: WorkerLaunch, load: [UInt8], limit: Int, logger: Logger, first worker: Worker?
    ) {
        self.name = name
        self.launch = launch
        self.load = WorkerMessage(kind: .load, payload: load)
        self.logger = logger
        free = DispatchSemaphore(value: max(1, limit))
        if let worker {
            state.withLock { state in
                state.idle.append(worker)
                state.started = 1
            }
        }
    }

    /// Runs `body` with a worker that is its own meanwhile.
    ///
    /// - Throws: what `body` throws; a `WorkerFailure` of either is thrown as `.preprocessingFailed`, after its trace
    ///   was logged.
    func withWorker(_ body: (Worker) throws -> Void) throws {
        free.wait()
        defer { free.signal() }
        do {
            let idle = state.withLock { $0.idle.popLast() }
            let worker = try idle ?? Worker(launch, WorkerLog(name, logger))
            var isKept = false
            defer { giveBack(worker, isKept: isKept) }
            let isStopped = state.withLock { state in
                state.busy.append(worker)
                if idle == nil { state.started += 1 }
                return state.isStopped
            }
            guard !isStopped else { throw WorkerFailure(.lost, "the mount is ending") }
            // Where it cannot load what others could, something about it is wrong.
            if idle == nil { _ = try worker.ask(load) }
            do { try body(worker) } catch let failure as WorkerFailure {
                isKept = failure.code == .kept
                throw failure
            } catch {
                isKept = true
                throw error
            }
            isKept = true
        } catch let failure as WorkerFailure {
            for line in failure.trace { logger.error("preprocessing '\(name)': \(line)") }
            throw TensorError(.preprocessingFailed, "preprocessing '\(name)': \(failure.message)", cause: failure)
        }
    }

    var figures: (idle: Int, busy: Int, started: Int) {
        state.withLock { ($0.idle.count, $0.busy.count, $0.started) }
    }

    /// Ends all workers; frames that they are at work on fail.
    func stop() {
        let (idle, busy) = state.withLock { state in
            state.isStopped = true
            defer { state.idle = [] }
            return (state.idle, state.busy)
        }
        for worker in busy { worker.interrupt() }
        for worker in idle { worker.end() }
    }

    private func giveBack(_ worker: Worker, isKept: Bool) {
        let isKept = state.withLock { state in
            state.busy.removeAll { $0 === worker }
            if isKept, !state.isStopped { state.idle.append(worker) }
            return isKept && !state.isStopped
        }
        if !isKept { worker.end() }
    }
}
