// Numbers of open files and folders.

/// What handles stand for.
struct HandleTable<Value> {
    private var values: [Handle: Value] = [:]
    private var next: Handle = 1

    var count: Int { values.count }

    mutating func insert(_ value: Value) -> Handle {
        defer { next += 1 }
        values[next] = value
        return next
    }

    subscript(_ handle: Handle) -> Value? { values[handle] }

    mutating func remove(_ handle: Handle) -> Value? { values.removeValue(forKey: handle) }
}
