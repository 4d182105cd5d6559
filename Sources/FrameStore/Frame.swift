// A frame in the hands of a reply.

/// The bytes of one frame, in place: no copy is made for a reply. They stay as they are while this object lives; its end
/// lets the store use the memory again.
public final class Frame: Sendable {
    /// The frame's bytes; the first is at the start of a page.
    public nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    private let store: FrameStore
    private let slot: Int

    init(_ store: FrameStore, slot: Int, _ buffer: Buffer, byteCount: Int) {
        self.store = store
        self.slot = slot
        bytes = UnsafeRawBufferPointer(start: buffer.base, count: min(byteCount, buffer.capacity))
    }

    deinit { store.release(slot) }
}
