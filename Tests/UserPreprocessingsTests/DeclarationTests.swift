// How preprocessings of the user's own are registered: the grammar of flags, keys of config files, and what is refused.

import Tensors
import Testing
import UserPreprocessings

@Suite struct DeclarationTests {
    private func parsed(_ text: String) throws -> UserPreprocessingDeclaration {
        try #require(try UserPreprocessingDeclaration("mine", text: text, folder: "/here"))
    }

    @Test func aModuleAndItsParameters() throws {
        let mine = try parsed(
            "python:tools.frames:Frames.all,channels=3,path=code,threshold=3,decay=0.5,on=true,mode=a-b,dtype=int8,timeout=1.5s"
        )
        #expect(mine.code == .python(module: "tools.frames", function: "Frames.all", folder: "/here/code"))
        #expect(
            mine.channels == 3 && mine.elementType == .int8 && !mine.fractions && mine.timeout == .milliseconds(1500))
        #expect(mine.parameters.map(\.name) == ["threshold", "decay", "on", "mode"])
        #expect(mine.parameters.map(\.defaultValue) == [.integer(3), .number(0.5), .boolean(true), .text("a-b")])
    }

    @Test func filesAndFolders() throws {
        #expect(
            try parsed("python:a/b.py:f,channels=1").code == .python(module: "/here/a/b.py", function: "f", folder: nil)
        )
        #expect(
            try parsed("python:/a/b.py:f,channels=1").code == .python(module: "/a/b.py", function: "f", folder: nil))
        #expect(
            try parsed("python:b:f,channels=1,path=/a/b.py").code
                == .python(module: "/a/b.py", function: "f", folder: nil))
        #expect(try parsed("python:b:f,channels=1").code == .python(module: "b", function: "f", folder: nil))
        #expect(try parsed("native:x.so").code == .native(path: "/here/x.so", symbol: "evh5_preprocessing"))
        #expect(try parsed("native:/x.so:other,a=1").code == .native(path: "/x.so", symbol: "other"))
        #expect(try UserPreprocessingDeclaration("mine", text: "histo,max_incr_per_pixel=10", folder: "/") == nil)
    }

    @Test(arguments: [
        "python:m", "python::f,channels=1", "python:m:,channels=1", "python:m:f:g,channels=1", "python:1m:f,channels=1",
        "python:m:f", "python:m:f,channels=0", "python:m:f,channels=1025", "python:m:f,channels=x",
        "python:m:f,channels=1,channels=2", "python:m:f,channels=1,a=1,a=2", "python:m:f,channels=1,a",
        "python:m:f,channels=1,=1",
        "python:m:f,channels=1,dtype=float64", "python:m:f,channels=1,fractions=yes",
        "python:m:f,channels=1,dtype=uint8,fractions=true", "python:m:f,channels=1,timeout=0s",
        "python:m:f,channels=1,timeout=5",
        "python:m:f,channels=1,path=/a/other.py", "python:m:f,channels=1,height=3", "python:m:f,channels=1,events=3",
        "python:m:f,channels=1,reset=true", "python:m:f,channels=1,a b=3", "python:m:f,channels=1,a=",
        "python:m:f,channels=1,a=b/c",
        "native:", "native:x.so:1a", "native:x.so,channels=1", "native:x.so,dtype=uint8", "native:x.so,fractions=false",
    ])
    func whatIsRefused(_ text: String) {
        let error = #expect(throws: TensorError.self) {
            try UserPreprocessingDeclaration("mine", text: text, folder: "/here")
        }
        #expect(error?.code == .invalidParameter && error?.message.hasPrefix("mine: ") == true)
    }

    @Test func keysOfConfigFiles() throws {
        let mine = try UserPreprocessingDeclaration(
            "mine", settings: [("native", "lib/x.so"), ("summary", "what it shows, in words")],
            parameters: [("least", "2")],
            folder: "/etc")
        #expect(mine.code == .native(path: "/etc/lib/x.so", symbol: "evh5_preprocessing"))
        #expect(mine.summary == "what it shows, in words" && mine.parameters.map(\.name) == ["least"])
        for wrong in [
            [("native", "x.so"), ("python", "m:f")], [("channels", "1")], [("native", "x.so"), ("colour", "red")],
        ] {
            #expect(throws: TensorError.self) {
                try UserPreprocessingDeclaration("mine", settings: wrong, parameters: [], folder: "/")
            }
        }
    }
}
