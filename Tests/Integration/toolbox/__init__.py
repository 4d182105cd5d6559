"""Independent encoders, decoders and tensors in plain numpy, written from the contract, and the mount under test."""
