// Simulated scenes: the same for a seed, sorted, inside the sensor, at the asked rate, and moving.

import Commands
import Recordings
import Testing

struct SceneTests {
    private func events(
        _ geometry: Geometry, rate: Int, noise: Double = 0.1, seed: UInt64 = 1, start: Int64 = 0, duration: Int64
    ) -> [Event] {
        var scene = Scene(Scene.Settings(geometry: geometry, rate: rate, noise: noise, seed: seed, startTime: start))
        var events: [Event] = []
        while scene.time < start + duration { scene.nextSlot { events.append($0) } }
        return events
    }

    @Test func sameSeedSameEvents() {
        let geometry = Geometry(width: 640, height: 480)
        let first = events(geometry, rate: 1_000_000, seed: 5, duration: 50_000)
        #expect(first == events(geometry, rate: 1_000_000, seed: 5, duration: 50_000))
        #expect(first != events(geometry, rate: 1_000_000, seed: 6, duration: 50_000))
    }

    @Test(arguments: [
        (Geometry(width: 1280, height: 720), 5_000_000, 0.1), (Geometry(width: 1280, height: 720), 50_000_000, 0.1),
        (Geometry(width: 64, height: 48), 2_000_000, 0.1), (Geometry(width: 304, height: 240), 20_000, 0),
        (Geometry(width: 304, height: 240), 300_000, 1), (Geometry(width: 16384, height: 3), 100_000, 0.5),
        (Geometry(width: 1, height: 1), 900, 0.1),
    ])
    func sortedInsideAndAtTheRate(_ geometry: Geometry, _ rate: Int, _ noise: Double) {
        let start: Int64 = 1_000_000
        let duration: Int64 = rate > 10_000_000 ? 50_000 : 400_000
        let all = events(geometry, rate: rate, noise: noise, start: start, duration: duration)
        let wanted = Double(rate) * Double(duration) * 1e-6
        #expect(abs(Double(all.count) - wanted) <= max(2, wanted * 0.02))
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.t <= $1.t })
        #expect(all.allSatisfy { Int($0.x) < geometry.width && Int($0.y) < geometry.height && $0.polarity < 2 })
        #expect(all.allSatisfy { ($0.t >= start) && ($0.t < start + duration) })
    }

    @Test func aRowIsReadAtOneTimeAndAPixelOnceASlot() {
        let all = events(Geometry(width: 320, height: 240), rate: 20_000_000, duration: 5000)
        let slots = Dictionary(grouping: all) { $0.t / Scene.slot }
        for slot in slots.values {
            #expect(Set(slot.map { UInt32($0.y) << 16 | UInt32($0.x) }).count == slot.count)
            for row in Dictionary(grouping: slot, by: \.y).values { #expect(Set(row.map(\.t)).count == 1) }
        }
    }

    @Test func bothPolaritiesComeFromMovingEdges() {
        let geometry = Geometry(width: 640, height: 480)
        let all = events(geometry, rate: 1_000_000, noise: 0, duration: 400_000)
        let on = all.count { $0.polarity == 1 }
        #expect(on > all.count / 4 && on < all.count * 3 / 4)
        // Edges are thin: without noise a millisecond touches few of the sensor's pixels, and another one others.
        func pixels(_ from: Int64) -> Set<UInt32> {
            Set(all.filter { $0.t >= from && $0.t < from + 1000 }.map { UInt32($0.y) << 16 | UInt32($0.x) })
        }
        let (early, late) = (pixels(0), pixels(300_000))
        #expect(early.count > 100 && early.count < 640 * 480 / 20)
        #expect(early.intersection(late).count < early.count / 2)
        // Noise is everywhere.
        let noise = events(geometry, rate: 1_000_000, noise: 1, duration: 100_000)
        #expect(Set(noise.map { UInt32($0.y / 60) << 16 | UInt32($0.x / 64) }).count == 80)
    }
}
