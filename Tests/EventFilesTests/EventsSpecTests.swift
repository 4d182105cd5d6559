// The path component of event files.

import EventFiles
import Tensors
import Testing

@Suite struct EventsSpecTests {
    @Test(arguments: [
        ("events", "events"), ("events,layout=columns", "events"),
        ("events,layout=prophesee", "events,layout=prophesee"),
        ("events,start_ts=1000000,max_duration=0.5s", "events,max_duration=500ms,start_ts=1s"),
        ("events,start_ts=0,layout=prophesee", "events,layout=prophesee"),
    ])
    func `has one spelling`(_ text: String, _ canonical: String) throws {
        #expect(try EventsSpec(text).text == canonical)
        #expect(try EventsSpec(canonical) == EventsSpec(text))
        #expect(EventsSpec.isMeant(by: text))
    }

    @Test(arguments: [
        "events,", "events,layout=", "events,layout=other", "events,start_ts=-1", "events,max_duration=0",
        "events,x=1", "events,start_ts=1s,start_ts=1s", "events,downsample=2", "event", "events,layout", "",
    ])
    func `refuses what it does not know`(_ text: String) {
        #expect(throws: TensorError.self) { try EventsSpec(text) }
    }

    @Test func `other names are other things`() {
        for name in ["event_cube", "events2", "histo", "event"] { #expect(!EventsSpec.isMeant(by: name)) }
    }
}
