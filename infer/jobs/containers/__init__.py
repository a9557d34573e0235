"""Files of many pictures: tar and parquet, in and out."""
