/* Customers with what they have ordered so far */
MODEL (
  name marts.customers,
  kind FULL,
  grain customer_id,
  clustered_by country_name,
  owner analytics,
  tags ('dagster:group_name:marts', 'pii'),
  audits (
    not_null(columns := (customer_id)),
    assert_orders_have_a_date
  )
);

SELECT
  c.customer_id::INT, -- The account's number
  c.customer_name::TEXT, -- As the customer spells it
  n.country_name::TEXT, -- Where the customer lives
  COUNT(DISTINCT l.order_id)::BIGINT AS orders, -- Orders that were not cancelled
  COALESCE(SUM(l.line_total), 0)::DECIMAL(18, 2) AS lifetime_value, -- In euros
  MAX(l.order_date)::DATE AS last_order_date -- Empty as long as nothing was ordered
FROM staging.customers AS c
LEFT JOIN raw.countries AS n
  ON n.country_code = c.country_code
LEFT JOIN staging.order_lines AS l
  ON l.customer_id = c.customer_id
GROUP BY
  c.customer_id,
  c.customer_name,
  n.country_name;

AUDIT (
  name assert_orders_have_a_date
);

SELECT
  *
FROM @this_model
WHERE
  orders > 0 AND last_order_date IS NULL
