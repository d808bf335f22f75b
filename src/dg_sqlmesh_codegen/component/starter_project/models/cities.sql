MODEL (
  name starter.cities,
  kind SEED (path '../seeds/cities.csv'),
  description 'Cities and their countries',
  columns (city_id INT, city TEXT, country TEXT),
  grain city_id
);
