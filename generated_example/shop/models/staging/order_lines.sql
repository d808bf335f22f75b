/* Every product of every order that was not cancelled. Embedded: no table, only shared SQL. */
MODEL (
  name staging.order_lines,
  kind EMBEDDED,
  grain (order_id, product_id),
  owner analytics,
  tags ('dagster:group_name:staging')
);

SELECT
  o.order_id,
  o.customer_id,
  o.order_date,
  i.product_id,
  i.quantity,
  i.line_total
FROM staging.orders AS o
JOIN staging.order_items AS i
  ON i.order_id = o.order_id
WHERE
  o.status <> 'cancelled'
