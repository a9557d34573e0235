"""Where live pictures come from: cameras, files at their own pace, streams."""
