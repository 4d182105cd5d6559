// What somebody probably meant who wrote a command that there is not.

import ArgumentParser
import Tensors

extension NearMiss {
    /// Why `arguments` name no command, when their first word, or that after a command with commands of its own, is
    /// none.
    static func complaint(_ arguments: [String], root: any ParsableCommand.Type) -> String? {
        var command = root
        var said = command._commandName
        for word in arguments {
            let commands = command.configuration.subcommands
            guard !commands.isEmpty, !word.hasPrefix("-"), word != "help" else { return nil }
            if let next = commands.first(where: { command in command._commandName == word }) {
                command = next
                said += " " + word
                continue
            }
            // Not by key paths: the compiler (6.3.1) crashes on those of metatypes.
            var names: [String] = []
            for command in commands where command.configuration.shouldDisplay { names.append(command._commandName) }
            let hint = question(word, in: names) ?? "there are \(names.joined(separator: ", "))"
            return "there is no command '\(said) \(word)'; \(hint)"
        }
        return nil
    }
}
