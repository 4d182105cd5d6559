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
    /// Who waits for what the core says; nil when it is not being asked.
    private let waiting = Mutex<[Asked]?>(nil)

    init(_ catalog: VirtualCatalog) { self.catalog = catalog }

    /// 200 when the core's own status and the state of the source's folder could be read in time, else 503.
    func answer(on loop: any EventLoop) -> EventLoopFuture<Answer> {
        let asked = Asked(loop.makePromise(of: Answer.self))
        loop.scheduleTask(in: .seconds(HealthProbe.patience)) { asked.answer(Self.late) }
        // Where it hangs, another question would only wait behind the one before.
        let isFirst = waiting.withLock { waiting in
            defer { waiting = (waiting ?? []).filter { !$0.isAnswered } + [asked] }
            return waiting == nil
        }
        if isFirst {
            queue.async { [self] in
                let problem = problem()
                let all = waiting.withLock { waiting in
                    defer { waiting = nil }
                    return waiting ?? []
                }
                for asked in all { asked.answer(problem.map { Answer(.serviceUnavailable, text: $0) } ?? Self.well) }
            }
        }
        return asked.promise.futureResult
    }

    /// What is wrong; nil when nothing is.
    private func problem() -> String? {
        do throws(FileSystemError) {
            _ = try catalog.file(at: ".evh5/status.json").read(0..<1)
            try catalog.checkSource()
            return nil
        } catch { return "the source cannot be read: \(error.message)" }
    }

    private static var well: Answer { Answer(.ok, text: "ok") }
    private static var late: Answer {
        Answer(.serviceUnavailable, text: "no answer within \(patience) s: the source's disk or the daemon hangs")
    }

    /// A question: the first answer is it.
    private final class Asked: Sendable {
        let promise: EventLoopPromise<Answer>
        private let hasAnswer = Atomic(false)

        init(_ promise: EventLoopPromise<Answer>) { self.promise = promise }

        var isAnswered: Bool { hasAnswer.load(ordering: .relaxed) }

        func answer(_ answer: Answer) {
            if !hasAnswer.exchange(true, ordering: .relaxed) { promise.succeed(answer) }
        }
    }
}
