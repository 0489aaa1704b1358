"""Files: uploads, what their bytes are, pictures, and what the storage holds of them."""
