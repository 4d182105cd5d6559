import Recordings
import Testing

@Test func geometryReadsAndWrites() {
    #expect(Geometry("1280x720") == Geometry(width: 1280, height: 720))
    #expect(Geometry("1280x720")?.description == "1280x720")
    for bad in ["", "1280", "1280x", "0x5", "-1x5", "1280x720x3", "99999x1"] { #expect(Geometry(bad) == nil) }
}
