import FrameStore
import Testing
