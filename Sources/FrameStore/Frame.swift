// A frame in the hands of a reply.

/// Where a request found a frame.
public enum FrameOrigin: Sendable, Hashable {
    /// In memory, or another request was making it already.
    case memory
    /// In the disk cache.
    case disk
    case computed
}

/// The bytes of one frame, in place: no copy is made for a reply. They stay as they are while this object lives; its
/// end lets the store use the memory again.
public final class Frame: Sendable {
    /// Where in a page the first byte is: where in its own a large array of a reader begins, see `Buffer.lead`.
    public static let placeInPage = Buffer.lead

    /// The frame's bytes; aligned to 16.
    public nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    /// Where the request that this frame was handed to found it.
    public let origin: FrameOrigin
    private let store: FrameStore
    private let slot: Int

    init(_ store: FrameStore, slot: Int, _ buffer: Buffer, byteCount: Int, _ origin: FrameOrigin = .memory) {
        self.store = store
        self.origin = origin
        self.slot = slot
        bytes = UnsafeRawBufferPointer(start: buffer.start, count: min(byteCount, buffer.room))
    }

    deinit { store.release(slot) }
}
