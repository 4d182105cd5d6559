// Who asks, as the figures of a mount show it.

import NIOCore
import VirtualTree

/// A program on the other end of a connection.
struct Client: Sendable {
    /// Stands for the address among readers; no thread has a number below 0.
    let number: Int64
    let reader: Reader

    /// The port is left out: a program that connects anew for each request is one reader.
    init(_ address: SocketAddress?) {
        let name = "http " + (address?.ipAddress ?? "")
        number = Int64.min / 2 + Int64(truncatingIfNeeded: name.hashValue >> 2)
        reader = Reader(process: 0, name: name)
    }
}
