// What was asked for lately, within a limit, where asking again costs work and nothing else.

/// A dictionary that keeps what was used last: when it is full, the half that nobody asked for longest goes.
///
/// Two halves, of which the younger is filled, and the older goes when that is full: who asks for more than fits, in
/// any order, still finds what was used last, and no entry needs a time or a place in a list.
public struct RecentTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private let half: Int

    /// - Parameter limit: the most entries there are at any time.
    public init(limit: Int) { half = max(1, limit / 2) }

    public var count: Int { young.count + old.count }

    public subscript(_ key: Key) -> Value? {
        mutating get {
            if let value = young[key] { return value }
            guard let value = old.removeValue(forKey: key) else { return nil }
            self[key] = value
            return value
        }
        set {
            old[key] = nil
            young[key] = newValue
            guard young.count >= half else { return }
            old = young
            young = [:]
        }
    }

    /// What is there for `key`, which does not count as a use.
    public func peek(_ key: Key) -> Value? { young[key] ?? old[key] }

    /// All values, in no order.
    public var values: [Value] { Array(young.values) + Array(old.values) }
}
