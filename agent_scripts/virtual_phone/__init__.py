"""A phone made of software: the real ADB protocol in front of a model of Android."""
