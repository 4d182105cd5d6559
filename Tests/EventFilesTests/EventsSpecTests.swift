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
        ("events,transpose=1,roi=01+2+3x4,noise=2000", "events,noise=2ms,roi=1+2+3x4,transpose"),
        ("events,start_ts=1,polarity=on,layout=prophesee", "events,layout=prophesee,polarity=on,start_ts=1us"),
    ])
    func `has one spelling`(_ text: String, _ canonical: String) throws {
        #expect(try EventsSpec(text).text == canonical)
        #expect(try EventsSpec(canonical) == EventsSpec(text))
        #expect(EventsSpec.isMeant(by: text))
    }

    @Test(arguments: [
        "events,", "events,layout=", "events,layout=other", "events,start_ts=-1", "events,max_duration=0",
        "events,x=1", "events,start_ts=1s,start_ts=1s", "events,downsample=2", "event", "events,layout", "",
        "events,roi=1+2+3x0", "events,polarity=2", "events,transpose=maybe", "events,sample=pixel",
    ])
    func `refuses what it does not know`(_ text: String) {
        #expect(throws: TensorError.self) { try EventsSpec(text) }
    }

    @Test func `other names are other things`() {
        for name in ["event_cube", "events2", "histo", "event"] { #expect(!EventsSpec.isMeant(by: name)) }
    }
}
