// The command line's root.

import ArgumentParser

/// The `evh5` command.
public struct EVH5: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "evh5",
        abstract: "Mount a directory of event-camera recordings and read any of them as HDF5.")

    public init() {}
}
