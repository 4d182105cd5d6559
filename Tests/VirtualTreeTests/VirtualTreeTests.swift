import Testing
import VirtualTree
