// A frame in the hands of a reply.

/// The bytes of one frame, in place: no copy is made for a reply. They stay as they are while this object lives; its
/// end lets the store use the memory again.
public final class Frame: Sendable {
    /// Where in a page the first byte is: where in its own a large array of a reader begins, see `Buffer.lead`.
    public static let placeInPage = Buffer.lead

    /// The frame's bytes; aligned to 16.
    public nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    private let store: FrameStore
    private let slot: Int

    init(_ store: FrameStore, slot: Int, _ buffer: Buffer, byteCount: Int) {
        self.store = store
        self.slot = slot
        bytes = UnsafeRawBufferPointer(start: buffer.start, count: min(byteCount, buffer.room))
    }

    deinit { store.release(slot) }
}
