MODEL (
  name starter.cities_per_country,
  kind FULL,
  cron '*/5 * * * *',
  description 'How many cities of each country there are',
  grain country,
  audits (
    not_null(columns := (country, cities)),
    unique_values(columns := (country))
  )
);

SELECT
  country::TEXT, -- The country's name
  COUNT(*)::INT AS cities -- How many of its cities are known
FROM starter.cities
GROUP BY country
