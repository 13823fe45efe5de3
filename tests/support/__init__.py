"""What the whole-stack tests and the benchmarks share: programs on the other side of the wire."""
