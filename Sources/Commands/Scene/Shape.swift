// A moving shape of a simulated scene: an outline that flies, turns, bounces, and makes events where it crosses pixels.

import Foundation

/// A disc, bar or polygon, brighter or darker than its background.
struct Shape {
    /// A point of the outline in the shape's own frame, with the outward normal there.
    struct OutlinePoint {
        let x, y: Double
        let normalX, normalY: Double
    }

    /// Points at equal distances along the outline.
    private let outline: [OutlinePoint]
    /// Distance between two of them, in pixels.
    private let spacing: Double
    /// Brighter than the background: the leading edge makes ON events.
    private let bright: Bool
    /// Pixels from the middle to the farthest point.
    private let radius: Double

    private var x, y: Double
    /// Pixels per second.
    private var velocityX, velocityY: Double
    /// Radians, and radians per second.
    private var angle, turn: Double
    private var cosine = 1.0
    private var sine = 0.0

    /// No point of the outline moves faster along its normal, in pixels per second.
    private let topSpeed: Double

    private static let outlinePoints = 512

    /// A shape of random kind, size, place and motion that suits the geometry.
    init(width: Double, height: Double, random: inout RandomNumbers) {
        let side = min(width, height)
        let size = max(0.6, side * random.number(in: 0.05...0.2))
        let corners: [(x: Double, y: Double)]
        switch random.below(4) {
        case 0:  // disc
            corners = Shape.corners(128) { _ in size }
        case 1:  // bar
            let half = max(0.5, size * random.number(in: 0.08...0.3))
            let long = size * random.number(in: 1.2...2)
            corners = [(long, half), (-long, half), (-long, -half), (long, -half)]
        case 2:  // regular polygon
            corners = Shape.corners(3 + random.below(4)) { _ in size }
        default:  // star
            corners = Shape.corners(10) { $0 % 2 == 0 ? size : size * 0.45 }
        }
        (outline, spacing) = Shape.trace(corners, points: Shape.outlinePoints)
        radius = corners.map { ($0.x * $0.x + $0.y * $0.y).squareRoot() }.max() ?? size
        bright = random.below(2) == 1
        x = random.unit() * width
        y = random.unit() * height
        let direction = random.unit() * 2 * Double.pi
        let speed = side * random.number(in: 0.25...1.4)
        velocityX = speed * cos(direction)
        velocityY = speed * sin(direction)
        angle = random.unit() * 2 * Double.pi
        turn = random.number(in: -2.5...2.5)
        topSpeed = speed + abs(turn) * radius
    }

    /// How many events the shape makes at most, compared with others.
    var weight: Double { topSpeed * spacing }

    /// Moves on by `seconds`, bouncing off the border of the sensor.
    mutating func move(seconds: Double, width: Double, height: Double) {
        x += velocityX * seconds
        y += velocityY * seconds
        angle += turn * seconds
        (x, velocityX) = Shape.bounced(x, velocityX, limit: width)
        (y, velocityY) = Shape.bounced(y, velocityY, limit: height)
        cosine = cos(angle)
        sine = sin(angle)
    }

    /// One try to make an event now: a random point of the outline fires as likely as it moves fast along its normal.
    @inline(__always)
    func fire(_ random: inout RandomNumbers) -> (x: Double, y: Double, polarity: Int)? {
        let bits = random.next()
        let point = outline[Int(truncatingIfNeeded: bits & UInt64(Shape.outlinePoints - 1))]
        let normalX = cosine * point.normalX - sine * point.normalY
        let normalY = sine * point.normalX + cosine * point.normalY
        let armX = cosine * point.x - sine * point.y
        let armY = sine * point.x + cosine * point.y
        let speed = (velocityX - turn * armY) * normalX + (velocityY + turn * armX) * normalY
        let chance = Double((bits &>> 12) & 0xfffff) * 0x1p-20
        guard abs(speed) > chance * topSpeed else { return nil }
        // Along the outline anywhere up to the next point; across it some pixels late, as a slow pixel is.
        let along = (Double((bits &>> 32) & 0xffff) * 0x1p-16 - 0.5) * spacing
        let late = Double(bits &>> 48) * 0x1p-16
        let across = -late * late * late * 4 * (speed > 0 ? 1 : -1)
        return (
            x + armX - normalY * along + normalX * across, y + armY + normalX * along + normalY * across,
            (speed > 0) == bright ? 1 : 0
        )
    }

    private static func bounced(_ position: Double, _ velocity: Double, limit: Double) -> (Double, Double) {
        if position < 0 { return (min(-position, limit), abs(velocity)) }
        if position > limit { return (max(2 * limit - position, 0), -abs(velocity)) }
        return (position, velocity)
    }

    private static func corners(_ count: Int, radius: (Int) -> Double) -> [(x: Double, y: Double)] {
        (0..<count).map { index in
            let a = 2 * Double.pi * Double(index) / Double(count)
            return (radius(index) * cos(a), radius(index) * sin(a))
        }
    }

    /// `points` points at equal distances along the closed line through `corners` (counter-clockwise), and that
    /// distance.
    private static func trace(
        _ corners: [(x: Double, y: Double)], points: Int
    ) -> (outline: [OutlinePoint], spacing: Double) {
        let edges = corners.indices.map { index in
            let a = corners[index]
            let b = corners[(index + 1) % corners.count]
            return (x: a.x, y: a.y, dx: b.x - a.x, dy: b.y - a.y)
        }
        let lengths = edges.map { ($0.dx * $0.dx + $0.dy * $0.dy).squareRoot() }
        let spacing = lengths.reduce(0, +) / Double(points)
        var outline: [OutlinePoint] = []
        var edge = 0
        var before = 0.0  // length of the edges passed
        for index in 0..<points {
            let distance = (Double(index) + 0.5) * spacing
            while edge + 1 < edges.count && distance > before + lengths[edge] {
                before += lengths[edge]
                edge += 1
            }
            let part = (distance - before) / lengths[edge]
            let e = edges[edge]
            outline.append(
                OutlinePoint(
                    x: e.x + part * e.dx, y: e.y + part * e.dy,
                    normalX: e.dy / lengths[edge], normalY: -e.dx / lengths[edge]))
        }
        return (outline, spacing)
    }
}
