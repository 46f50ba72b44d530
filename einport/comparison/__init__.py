"""Side by side: one operation on several frameworks, and where its elements go."""
