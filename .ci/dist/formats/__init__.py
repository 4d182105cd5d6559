"""The formats that .ci/dist/package writes."""
