-- Who told of a taxpayer first, where that was no list: the card says it of the number.
ALTER TABLE taxpayer ADD COLUMN enrolled_channel TEXT;
