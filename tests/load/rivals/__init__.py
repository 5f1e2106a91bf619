"""Other ways to switch traffic, as they are found in the field. The counting client must see what they lose."""
