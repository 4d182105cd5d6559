import TensorFile
import Testing
