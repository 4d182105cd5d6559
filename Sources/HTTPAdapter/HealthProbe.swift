// Whether the core answers: for programs that start a server anew when it does not.

import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import VirtualTree

/// Asks the core a little on a thread of its own: those that answer requests may all wait for something that hangs.
final class HealthProbe: Sendable {
    static let path = "healthz"
    /// Seconds that the core has.
    private static let patience: Int64 = 2

    private let catalog: VirtualCatalog
    private let queue = DispatchQueue(label: "evh5.health")
    /// How many questions have no answer.
    private let waiting = Atomic(0)

    init(_ catalog: VirtualCatalog) { self.catalog = catalog }

    /// 200 when the core's own status could be read and the source's folder listed in time, else 503.
    func answer(on loop: any EventLoop) -> EventLoopFuture<Answer> {
        // What was asked before hangs still: another question would only wait behind it.
        guard waiting.load(ordering: .relaxed) == 0 else {
            return loop.flatScheduleTask(in: .seconds(HealthProbe.patience)) { [self] in
                loop.makeSucceededFuture(waiting.load(ordering: .relaxed) == 0 ? Self.well : Self.late)
            }.futureResult
        }
        let promise = loop.makePromise(of: Answer.self)
        let state = Once()
        loop.scheduleTask(in: .seconds(HealthProbe.patience)) {
            if state.first() { promise.succeed(Self.late) }
        }
        waiting.add(1, ordering: .relaxed)
        queue.async { [self] in
            let answer = ask()
            waiting.subtract(1, ordering: .relaxed)
            if state.first() { promise.succeed(answer) }
        }
        return promise.futureResult
    }

    private func ask() -> Answer {
        do throws(FileSystemError) {
            _ = try catalog.file(at: ".evh5/status.json").read(0..<1)
            try catalog.checkSource()
            return Self.well
        } catch {
            return Answer(.serviceUnavailable, text: "the source cannot be read: \(error.message)")
        }
    }

    private static var well: Answer { Answer(.ok, text: "ok") }
    private static var late: Answer {
        Answer(.serviceUnavailable, text: "no answer within \(patience) s: the source's disk or the daemon hangs")
    }

    /// Says yes once.
    private final class Once: Sendable {
        private let isDone = Atomic(false)

        func first() -> Bool { !isDone.exchange(true, ordering: .relaxed) }
    }
}
