/* Whom the newsletter goes to */
MODEL (
  name marts.mailing_list,
  kind VIEW,
  cron '@hourly',
  grain customer_id,
  owner marketing,
  tags ('dagster:group_name:marts', 'pii'),
  audits (
    unique_values(columns := (email))
  )
);

SELECT
  c.customer_id::INT, -- The account's number
  c.customer_name::TEXT, -- As the customer spells it
  c.email::TEXT, -- Never empty here
  n.country_name::TEXT -- Decides the newsletter's language
FROM staging.customers AS c
LEFT JOIN raw.countries AS n
  ON n.country_code = c.country_code
WHERE
  NOT c.email IS NULL
