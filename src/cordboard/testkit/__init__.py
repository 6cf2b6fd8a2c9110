"""The test kit: shipped, so that whoever runs a centre can prove his own."""
