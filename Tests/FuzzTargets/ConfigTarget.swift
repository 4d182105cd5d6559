// Config files, lists of -o options, and declarations of preprocessings, as text of any kind.

import Commands
import UserPreprocessings

/// Input: a mode, then the text.
enum ConfigTarget {
    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        var input = FuzzInput(bytes)
        let mode = input.byte() % 3
        let text = String(decoding: input.rest, as: UTF8.self)
        switch mode {
        case 0:
            do { _ = try ConfigFile(path: "/etc/evh5.yaml", text: text, environment: ["HOME": "/home/a"]) } catch {
                return check(error.message)
            }
        case 1: do { _ = try OptionList([text]) } catch { return check(error.message) }
        default:
            do { _ = try UserPreprocessingDeclaration("mine", text: text, folder: "/home/a") } catch {
                return check(error.message)
            }
        }
        return nil
    }

    private static func check(_ message: String) -> String? { message.isEmpty ? "an error without a word" : nil }
}
