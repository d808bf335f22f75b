MODEL (
  name staging.customers,
  kind VIEW,
  cron '@hourly',
  description 'The shop''s "registered" customers — one row each, from Köln to 東京',
  grain customer_id,
  owner 'data@shop.example',
  tags ('dagster:group_name:staging', 'pii'),
  audits (
    not_null(columns := (customer_id, country_code)),
    unique_values(columns := (customer_id)),
    not_null_non_blocking(columns := (email))
  )
);

SELECT
  customer_id::INT, -- The account's number
  TRIM(customer_name)::TEXT AS customer_name, -- As the customer spells it
  LOWER(email)::TEXT AS email, -- Empty when the customer has asked to be forgotten
  country_code::TEXT, -- ISO 3166-1 alpha-2 code
  signed_up_on::DATE -- Day of the registration
FROM source.customers
