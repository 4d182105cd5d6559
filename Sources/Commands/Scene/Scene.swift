// A simulated scene before an event camera: moving shapes and noise, read out row by row, as a stream of sorted events.

import Recordings

/// Makes the events of a scene, slot after slot of 100 us, at a given mean rate and the same for the same seed.
///
/// In a slot a pixel fires at most once, and the rows that have events are read out one after the other, all events of
/// a row at one time: so do the sensors, and so events of one row share words in EVT3 and EVT2.1.
public struct Scene {
    /// What a scene is made of.
    public struct Settings: Sendable {
        public var geometry: Geometry
        /// Events per second, shapes and noise together.
        public var rate: Int
        /// The part of `rate` that is noise, 0...1.
        public var noise: Double
        public var seed: UInt64
        /// The time of the first slot, in us.
        public var startTime: Int64

        public init(geometry: Geometry, rate: Int, noise: Double, seed: UInt64, startTime: Int64) {
            self.geometry = geometry
            self.rate = rate
            self.noise = noise
            self.seed = seed
            self.startTime = startTime
        }

        /// More events per second than this no scene of this size can show: a pixel fires at most 1000 times a second.
        public var highestRate: Int { geometry.width * geometry.height * 1000 }
    }

    /// Microseconds of one slot.
    public static let slot: Int64 = 100

    private let settings: Settings
    private let width, height: Int
    private var random: RandomNumbers
    private var shapes: [Shape]
    /// Running sums of the shapes' weights.
    private let weights: [Double]
    /// Pixels that fire by themselves, as a few of every sensor do.
    private let hotPixels: [(x: Int, y: Int)]
    /// The time of the next slot, in us.
    public private(set) var time: Int64
    /// Events of shapes and of noise that are due; fractions carry over to the next slot.
    private var shapesDue = 0.0
    private var noiseDue = 0.0
    /// The slot's events as keys that sort by row, x and polarity.
    private var keys: [UInt32] = []
    private var sorter = PixelSorter()

    public init(_ settings: Settings) {
        self.settings = settings
        width = settings.geometry.width
        height = settings.geometry.height
        time = settings.startTime
        var random = RandomNumbers(seed: settings.seed)
        var shapes: [Shape] = []
        for _ in 0..<9 { shapes.append(Shape(width: Double(width), height: Double(height), random: &random)) }
        var sum = 0.0
        weights = shapes.map {
            sum += $0.weight
            return sum
        }
        let (width, height) = (width, height)
        hotPixels = (0..<max(1, width * height / 20_000)).map { _ in (random.below(width), random.below(height)) }
        self.shapes = shapes
        self.random = random
    }

    /// Makes the events of the next slot and hands them to `body` in the order of time.
    @inline(__always)
    public mutating func nextSlot<Failure: Error>(_ body: (Event) throws(Failure) -> Void) throws(Failure) {
        collect()
        let start = time
        time += Scene.slot
        var rows = 0
        var lastRow = UInt32.max
        for key in keys where key &>> 15 != lastRow {
            lastRow = key &>> 15
            rows += 1
        }
        // The readout's phase: rows follow each other at equal distances, the first somewhere in the first of them.
        let phase = random.unit()
        var row = -1
        lastRow = UInt32.max
        var t = start
        for key in keys {
            if key &>> 15 != lastRow {
                lastRow = key &>> 15
                row += 1
                t = start + Int64((Double(row) + phase) * Double(Scene.slot) / Double(rows))
            }
            try body(Event(x: Int((key &>> 1) & 0x3fff), y: Int(key &>> 15), polarity: Int(key & 1), t: t))
        }
    }

    /// Fills `keys` with the slot's events, sorted, each pixel once.
    private mutating func collect() {
        let seconds = Double(Scene.slot) * 1e-6
        for index in shapes.indices {
            shapes[index].move(seconds: seconds, width: Double(width), height: Double(height))
        }
        let perSlot = Double(settings.rate) * seconds
        shapesDue += perSlot * (1 - settings.noise)
        noiseDue += perSlot * settings.noise
        keys.removeAll(keepingCapacity: true)

        let shapesWanted = Int(shapesDue)
        let made = fireShapes(shapesWanted)
        // What the shapes could not make (they are outside, or too small for the rate) noise makes instead.
        let noiseWanted = Int(noiseDue) + shapesWanted - made
        for _ in 0..<noiseWanted { addNoise() }
        shapesDue -= Double(shapesWanted)
        noiseDue -= Double(Int(noiseDue))

        sorter.sort(&keys)
        removeRepeats()
        // Repeats were dropped: make up for them in the next slot, unless the scene cannot show so many.
        shapesDue = min(shapesDue + Double(made + noiseWanted - keys.count), 4 * perSlot + 1)
    }

    /// Lets the shapes fire until `wanted` events fell on pixels, with a bounded number of tries; returns how many did.
    private mutating func fireShapes(_ wanted: Int) -> Int {
        var made = 0
        var tries = wanted * 8 + 8
        let total = weights[weights.count - 1]
        while made < wanted && tries > 0 {
            tries -= 1
            let choice = random.unit() * total
            var index = 0
            while index < weights.count - 1 && weights[index] <= choice { index += 1 }
            guard let (x, y, polarity) = shapes[index].fire(&random) else { continue }
            guard x >= 0, y >= 0, x < Double(width), y < Double(height) else { continue }
            keys.append(UInt32(y) &<< 15 | UInt32(x) &<< 1 | UInt32(polarity))
            made += 1
        }
        return made
    }

    private mutating func addNoise() {
        let bits = random.next()
        let polarity = UInt32(bits & 1)
        if bits & 0xf0 == 0 {
            let pixel = hotPixels[random.below(hotPixels.count)]
            keys.append(UInt32(pixel.y) &<< 15 | UInt32(pixel.x) &<< 1 | polarity)
        } else {
            keys.append(UInt32(random.below(height)) &<< 15 | UInt32(random.below(width)) &<< 1 | polarity)
        }
    }

    /// Keeps the first key of every pixel.
    private mutating func removeRepeats() {
        var kept = 0
        var last = UInt32.max
        for index in keys.indices where keys[index] &>> 1 != last {
            last = keys[index] &>> 1
            keys[kept] = keys[index]
            kept += 1
        }
        keys.removeLast(keys.count - kept)
    }
}
