"""What new styles start from: many styles in one network, and one enlargement in place of another."""
