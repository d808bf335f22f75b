/* The countries that the shop delivers to */
MODEL (
  name raw.countries,
  kind SEED (
    path '../../seeds/countries.csv'
  ),
  columns (
    country_code TEXT,
    country_name TEXT,
    region TEXT
  ),
  column_descriptions (
    country_code = 'ISO 3166-1 alpha-2 code',
    country_name = 'The name in the country''s own language, e.g. "Österreich"',
    region = 'Continent'
  ),
  grain country_code,
  owner 'data@shop.example',
  tags ('dagster:group_name:raw'),
  audits (
    not_null(columns := (country_code, country_name)),
    unique_values(columns := (country_code)),
    number_of_rows(threshold := 5)
  )
)
