// The table that forgets what nobody asks for.

import Files
import Testing

@Suite struct RecentTableTests {
    @Test func keepsWhatIsUsed() {
        var table = RecentTable<Int, String>(limit: 100)
        for i in 0..<10_000 {
            table[i] = "\(i)"
            // Asked for all the time, however many others come.
            #expect(table[0] == "0")
            #expect(table.count <= 100)
        }
        #expect(table[9_999] == "9999" && table[9_960] == "9960" && table[5_000] == nil)
    }

    @Test func hasOneValueForAKey() {
        var table = RecentTable<Int, Int>(limit: 4)
        for i in 0..<40 {
            table[i % 3] = i
            #expect(table[i % 3] == i && table.peek(i % 3) == i)
            #expect(table.count <= 4)
        }
        table[39 % 3] = nil
        #expect(table[39 % 3] == nil && table.peek(39 % 3) == nil)
    }
}
