// Lists of times beside recordings: where windows lie that are neither periods nor counts.

import Tensors

/// A file of times in us, one column or two (begins and ends): `.npy` of int64, uint64, int32, uint32 or float64, or
/// text of a line each.
///
/// In text, columns are parted by a comma, a semicolon or blanks; what follows a `#` and empty lines do not count.
/// Times are whole numbers, also as `1e+06`, and may not fall.
public enum TimesFile {
    /// The times of a specification for the recording at `path`; nil for a specification without a file of times.
    public static func read(_ spec: TensorSpec, beside path: String) throws(ListFileError) -> WindowTimes? {
        guard case .times(let times) = try spec.timesOrigin?.read(beside: path) else { return nil }
        return times
    }

    /// The times in `bytes`, which are those of a file called `name`.
    package static func times(_ origin: TimesOrigin, _ bytes: [UInt8], _ name: String) throws(ListFileError)
        -> WindowTimes
    {
        if case .labels = origin {
            do throws(LabelFileError) { return WindowTimes(try LabelFile(bytes).distinctTimes()) } catch {
                throw ListFileError(.unusable, error.description)
            }
        }
        if case .rvt(let rule) = origin {
            do {
                return WindowTimes(try RVTLabels(LabelFile(bytes), rule).times.windowEnds)
            } catch { throw ListFileError(.unusable, "\(error)") }
        }
        return try (name.hasSuffix(".npy") ? TimesArray.read(bytes) : TimesText.read(bytes)).checked()
    }
}

/// Times as they are in a file: rows of one or two columns.
struct TimeRows {
    var starts: [Int64] = []
    var ends: [Int64]?
    /// What row `i` is called in messages.
    let place: (Int) -> String

    /// - Throws: the first row that is no window.
    func checked() throws(ListFileError) -> WindowTimes {
        for (i, start) in starts.enumerated() {
            for time in [start, ends?[i] ?? start] where abs(max(time, -.max)) > WindowTimes.largestTime {
                throw ListFileError(.unusable, "\(place(i)): \(time) us is no time of a recording")
            }
            if i > 0, start < starts[i - 1] {
                throw ListFileError(
                    .unusable, "\(place(i)): \(start) comes after \(starts[i - 1]); times must not fall: sort them")
            }
            if let end = ends?[i], end < start {
                throw ListFileError(.unusable, "\(place(i)): the end \(end) is before the start \(start)")
            }
        }
        return WindowTimes(starts, ends: ends)
    }

    mutating func append(_ start: Int64, _ end: Int64?) {
        starts.append(start)
        if let end { ends?.append(end) }
    }

    static func tooMany(_ count: Int) -> ListFileError {
        ListFileError(.unusable, "it has \(count) times or more; \(WindowTimes.largestCount) are the most")
    }
}

/// Lines of text.
enum TimesText {
    static func read(_ bytes: [UInt8]) throws(ListFileError) -> TimeRows {
        var columns = 0
        let rows = try ListText.rows(
            bytes, comments: [UInt8(ascii: "#")], most: WindowTimes.largestCount, unit: "us"
        ) { count in
            if columns == 0 { columns = count }
            return count == columns && count <= 2 ? nil : "there is one, or two (begins and ends), in all lines"
        }
        let lines = rows.map(\.line)
        var result = TimeRows(ends: columns == 2 ? [] : nil) { "line \(lines[$0])" }
        for row in rows { result.append(row.values[0], row.values.count == 2 ? row.values[1] : nil) }
        return result
    }
}

/// An array of NumPy's.
enum TimesArray {
    static func read(_ bytes: [UInt8]) throws(ListFileError) -> TimeRows {
        let array = try NumpyArray(bytes)
        let (count, columns) = (array.shape[0], array.shape.count)
        guard columns == 1 || array.shape[1] == 2 else {
            throw ListFileError(
                .unusable, "it has the shape (\(array.shapeText)); (N,) or (N, 2) is a list of times")
        }
        guard count <= WindowTimes.largestCount else { throw TimeRows.tooMany(count) }
        guard columns == 1 || !array.isFortran else {
            throw ListFileError(.unusable, "its columns are in Fortran order; save numpy.ascontiguousarray of it")
        }
        let element = try array.reader(
            ["<i8", "<u8", "<i4", "<u4", "<f8"],
            "times are '<i8', '<u8', '<i4', '<u4' or '<f8', as after .astype(\"<i8\")")
        var rows = TimeRows(ends: columns == 2 ? [] : nil) { "element \($0)" }
        for i in 0..<count {
            let (start, end) = (element(columns * i), columns == 2 ? element(2 * i + 1) : nil)
            guard let start, columns == 1 || end != nil else {
                throw ListFileError(.unusable, "element \(i) is no whole number of us")
            }
            rows.append(start, end)
        }
        return rows
    }
}
